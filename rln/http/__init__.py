"""The protocol of anonymous rate limits over HTTP: values and bytes, no input or output; docs/http.md."""
