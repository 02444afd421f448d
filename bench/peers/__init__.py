"""What a user would pick instead of Covey, on the same graph in the same run."""
