/* nfc.h - floor 0: Unicode normalization form C. */
#ifndef NFC_H
#define NFC_H
#include "base.h"
/* False where s is in NFC for certain; true where some character may have to change. */
bool nfc_may_change(str s);
/* Appends the NFC of s to out; bytes that are not UTF-8 stay as they are.  Linear time.  Sets
 * out->bad where memory ran out. */
void nfc_put(strbuf *out, str s);
#endif
