"""From a wrong answer to its proven cause and the smallest repair."""
