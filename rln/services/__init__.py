"""Programs to run: what a provider needs beside the application itself."""
