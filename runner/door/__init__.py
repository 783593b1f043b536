"""How the program is reached: its environment, its packages, its command line."""
