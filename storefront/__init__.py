"""The web shop: pages rendered on the server over three JSON services that it meets only over HTTP."""
