"""Running images and putting labelled numbers on them."""
