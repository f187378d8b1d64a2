"""What a policy would have earned: in compiled trials inside a training window, and out of sample."""
