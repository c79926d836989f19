"""The example organisation of `residency demo`, and the stand-ins for the clouds it uses."""
