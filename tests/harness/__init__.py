"""Real servers on loopback in place of the function's neighbours. No test imports anything of the product."""
