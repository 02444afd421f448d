"""What all doors share: sessions and tokens, limits, text → message, fragments, any queue by cursor."""
