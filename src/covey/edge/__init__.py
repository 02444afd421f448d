"""What all doors share: sessions and tokens, limits, text → message, any queue by cursor."""
