/** What may come next. */
export const VALUE = 0;
export const FIRST_ELEMENT = 1;
export const FIRST_KEY = 2;
export const KEY = 3;
export const AFTER_KEY = 4;
export const AFTER_VALUE = 5;
export const BETWEEN = 6;
/** Inside a string that is not held as a whole. */
export const PASSING_STRING = 7;
