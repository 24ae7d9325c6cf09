"""A demonstration on real services: CDNOW's orders go through a scorer while somebody watches."""
