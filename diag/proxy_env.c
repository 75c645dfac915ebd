/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy_env.h"
