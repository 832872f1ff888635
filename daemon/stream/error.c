/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/stream.h"

const char *stream_error_name(enum stream_error e)
{
    static const char *const names[STREAM_ERROR_COUNT] = {
        [STREAM_BAD_FORMAT] = "bad-format",
        [STREAM_BAD_NAMESPACE_PREFIX] = "bad-namespace-prefix",
        [STREAM_CONFLICT] = "conflict",
        [STREAM_CONNECTION_TIMEOUT] = "connection-timeout",
        [STREAM_HOST_GONE] = "host-gone",
        [STREAM_HOST_UNKNOWN] = "host-unknown",
        [STREAM_IMPROPER_ADDRESSING] = "improper-addressing",
        [STREAM_INTERNAL_SERVER_ERROR] = "internal-server-error",
        [STREAM_INVALID_FROM] = "invalid-from",
        [STREAM_INVALID_NAMESPACE] = "invalid-namespace",
        [STREAM_INVALID_XML] = "invalid-xml",
        [STREAM_NOT_AUTHORIZED] = "not-authorized",
        [STREAM_NOT_WELL_FORMED] = "not-well-formed",
        [STREAM_POLICY_VIOLATION] = "policy-violation",
        [STREAM_REMOTE_CONNECTION_FAILED] = "remote-connection-failed",
        [STREAM_RESET] = "reset",
        [STREAM_RESOURCE_CONSTRAINT] = "resource-constraint",
        [STREAM_RESTRICTED_XML] = "restricted-xml",
        [STREAM_SEE_OTHER_HOST] = "see-other-host",
        [STREAM_SYSTEM_SHUTDOWN] = "system-shutdown",
        [STREAM_UNDEFINED_CONDITION] = "undefined-condition",
        [STREAM_UNSUPPORTED_ENCODING] = "unsupported-encoding",
        [STREAM_UNSUPPORTED_FEATURE] = "unsupported-feature",
        [STREAM_UNSUPPORTED_STANZA_TYPE] = "unsupported-stanza-type",
        [STREAM_UNSUPPORTED_VERSION] = "unsupported-version",
    };
    return names[e];
}

void stream_error_write(struct buffer *out, enum stream_error e, const char *text, struct span extra)
{
    buffer_printf(out, "<stream:error><%s xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>",
                  stream_error_name(e));
    if (text)
        buffer_printf(out, "<text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>%s</text>", text);
    buffer_append(out, extra);
    buffer_literal(out, "</stream:error></stream:stream>");
}

enum stream_error stream_error_of_xml(enum xml_error e)
{
    switch (e) {
    case XML_RESTRICTED:
        return STREAM_RESTRICTED_XML;
    case XML_BAD_NAMESPACE_PREFIX:
        return STREAM_BAD_NAMESPACE_PREFIX;
    case XML_UNSUPPORTED_ENCODING:
        return STREAM_UNSUPPORTED_ENCODING;
    case XML_BAD_FORMAT:
        return STREAM_BAD_FORMAT;
    case XML_POLICY_VIOLATION:
        return STREAM_POLICY_VIOLATION;
    default:
        return STREAM_NOT_WELL_FORMED;
    }
}
