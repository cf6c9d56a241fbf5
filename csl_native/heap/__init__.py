"""The heap as data: words and their tags, layouts of objects, the cage and the VM block in it, Python's roots."""
