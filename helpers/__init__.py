"""The small package that the notebooks import: data in, checked estimates and sentences out."""
