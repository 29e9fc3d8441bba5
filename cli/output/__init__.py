"""Tables, Go templates, sizes and times as people read them."""
