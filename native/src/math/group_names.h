/* group_names.h - the names in templates that serve both groups. The file that includes a template, once for G1 and
 * once for G2, defines GROUP (g1 or g2), COORD (fp or fp2) and G(NAME), the prefix of the constants, before each
 * inclusion, and undefines them after it.
 */
#ifndef RLN_MATH_GROUP_NAMES_H
#define RLN_MATH_GROUP_NAMES_H

#define GROUP_JOIN_(a, b) a##_##b
#define GROUP_JOIN(a, b) GROUP_JOIN_(a, b)
#define PT(name) GROUP_JOIN(GROUP, name) /* PT(dbl) is g1_dbl */
#define CO(name) GROUP_JOIN(COORD, name) /* CO(mul) is fp_mul */
#define AFF PT(aff)
#define JAC PT(jac)

#endif
