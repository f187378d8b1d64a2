"""What a reader sees of a judgement: one HTML file that stands alone, and how a run's judgement is found."""
