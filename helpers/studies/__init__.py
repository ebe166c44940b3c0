"""The little that one study adds in code, between what is shown and the report."""
