"""Tables of leads as people have them: CSV in any encoding, workbooks, columns of any name."""
