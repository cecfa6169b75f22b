#pragma once

namespace pillion::test {}
