"""What customers themselves show on their pages by the same way as the modules above."""
