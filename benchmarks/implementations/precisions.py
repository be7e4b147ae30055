"""How the numbers are multiplied: the names that both libraries are given."""

FLOAT32 = "float32"
# float32 in memory, ten bits of fraction in products.
TF32 = "tf32"
BFLOAT16 = "bfloat16"
PRECISIONS = (FLOAT32, TF32, BFLOAT16)
