"""The store as a web page for people and a JSON interface for programs; see `merian.web.app`."""
