"""How results are shown: views of tables, numbers and words, marks and charts; it knows no study."""
