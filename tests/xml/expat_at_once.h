/* SPDX-License-Identifier: Apache-2.0 */
/* Expat as the tests' second reader, told of every whole tag at once, however few bytes came with it. */
#ifndef TESTS_XML_EXPAT_AT_ONCE_H
#define TESTS_XML_EXPAT_AT_ONCE_H

#include <expat.h>

/* Expat 2.6, and distributions' patched 2.5, put off an unfinished tag until more has come; those before never do. */
static inline void expat_at_once(XML_Parser parser)
{
#ifdef HAVE_EXPAT_REPARSE_DEFERRAL
    XML_SetReparseDeferralEnabled(parser, XML_FALSE);
#else
    (void)parser;
#endif
}

#endif
