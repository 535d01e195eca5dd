"""Merian behind the interfaces that other packages' users know."""
