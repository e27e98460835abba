"""BN254 from its parameter: the two moduli and the constants of Montgomery arithmetic.

Everything follows from x = 4965661367192848881 (Barreto and Naehrig 2005):
p = 36x^4 + 36x^3 + 24x^2 + 6x + 1, r = p - 6x^2. Source of x: the alt_bn128 curve of EIP-196, EIP-197.
"""

X = 4965661367192848881
P = 36 * X**4 + 36 * X**3 + 24 * X**2 + 6 * X + 1
R = P - 6 * X**2
