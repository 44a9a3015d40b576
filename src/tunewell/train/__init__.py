"""K folds that answer questions, and the adapter that is shipped."""
