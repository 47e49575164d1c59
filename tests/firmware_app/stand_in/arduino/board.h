/* stm32duino has a header of this name. */
#ifndef STAND_IN_BOARD_H
#define STAND_IN_BOARD_H

#endif
