"""The subset of Go's text/template that `--format` needs: parser, evaluator and the functions that Docker adds."""
