/*
 * No secret variables. A build that knows of some brings an object with both of these (pipeline/secret-variables.ts), which
 * counts before weak ones. They lie apart from the code that reads them, or a compiler would take them for what they are.
 */
#include "layer.h"

__attribute__((weak)) const struct layer_secret_variable layer_secret_variables[1] = {{NULL, 0}};
__attribute__((weak)) const size_t layer_secret_variable_count = 0;
