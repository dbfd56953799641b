"""Real servers on loopback that stand in for what surrounds the function. No test imports anything of the product."""
