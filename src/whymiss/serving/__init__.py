"""What `whymiss lab` and `whymiss serve` start: command lines, environments, a child process."""
