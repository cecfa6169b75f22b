#include "support/answers.hpp"
