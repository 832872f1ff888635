/* SPDX-License-Identifier: Apache-2.0 */
#include "smime/ber.h"

#include <errno.h>

#include <openssl/cms.h>
#include <openssl/err.h>

/* SEQUENCE of open length, then the OID of signed data: nothing else is given to the library, whose parsers of encrypted
 * objects nobody needs here. */
static const char opening[] = "\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";

int ber_to_der(struct buffer *object)
{
    const unsigned char *bytes = (const unsigned char *)object->ptr;
    unsigned char *der = NULL;
    if (!span_starts(buffer_span(object), SPAN(opening)))
        return 0;
    CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &bytes, (long)object->len);
    bool is_whole = cms && (const char *)bytes == object->ptr + object->len;
    int len = is_whole ? i2d_CMS_ContentInfo(cms, &der) : -1;
    CMS_ContentInfo_free(cms);
    ERR_clear_error();
    if (len <= 0)
        return BER_BAD;
    buffer_clear(object);
    buffer_append(object, span_make((const char *)der, (size_t)len));
    OPENSSL_free(der);
    return buffer_ok(object) ? 0 : -ENOMEM;
}
