"""What an edit of the files means for a stack that runs.

Pure: compares what the stack said of itself when it was last applied with what it would say now.
"""
