"""What a tested policy is worth: the judgement as one document, the gates it is held against, the verdict."""
