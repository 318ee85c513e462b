"""Published numbers, a file for each subject; every file defines YARDSTICKS."""
