// Reading is easier with it, and possible without.
