"""Services: what a provider runs, such as the registrar."""
