"""What makes the base image, the wheel and the generated pages of the documentation."""
