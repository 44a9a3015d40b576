"""What can be heard: recordings as numbers, what is wrong with them, which are the same.

Nothing here is imported unless a row has a recording. Files are read by soundfile (the extra
``speech``).
"""
