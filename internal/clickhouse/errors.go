package clickhouse

import (
	"errors"
	"regexp"
	"strconv"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"
)

// Exceptions by the server's own names for them.
const (
	codeNotImplemented       = 48
	codeUnknownTable         = 60
	codeSyntaxError          = 62
	codeUnknownDatabase      = 81
	codeReadonly             = 164
	codeUnknownUser          = 192
	codeWrongPassword        = 193
	codeRequiredPassword     = 194
	codeSupportIsDisabled    = 344
	codeSettingConstraint    = 452 // SETTING_CONSTRAINT_VIOLATION
	codeAccessDenied         = 497
	codeAuthenticationFailed = 516
)

// codeOf is the server's exception code, or 0 where the server said nothing.
func codeOf(err error) int32 {
	if err == nil {
		return 0
	}
	var known *serverError
	if errors.As(err, &known) {
		return known.code
	}
	var ex *clickhouse.Exception
	if errors.As(err, &ex) {
		return ex.Code
	}
	// Over HTTP the client gives some answers as text.
	if m := httpCode.FindStringSubmatch(err.Error()); m != nil {
		if n, convErr := strconv.ParseInt(m[1], 10, 32); convErr == nil {
			return int32(n)
		}
	}
	return 0
}

var httpCode = regexp.MustCompile(`\[HTTP \d+\] response body: "Code: (\d+)\b`)

// rowCodes are exceptions that a row's own content causes: the same row will be
// refused each time. Any other failure, known or not, is taken to pass.
var rowCodes = map[int32]string{
	6:   "CANNOT_PARSE_TEXT",
	27:  "CANNOT_PARSE_INPUT_ASSERTION_FAILED",
	38:  "CANNOT_PARSE_DATE",
	41:  "CANNOT_PARSE_DATETIME",
	69:  "ARGUMENT_OUT_OF_BOUND",
	70:  "CANNOT_CONVERT_TYPE",
	72:  "CANNOT_PARSE_NUMBER",
	128: "TOO_LARGE_ARRAY_SIZE",
	131: "TOO_LARGE_STRING_SIZE",
	321: "VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE",
	349: "CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN",
	395: "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO",
	407: "DECIMAL_OVERFLOW",
	441: "INVALID_DOMAIN_NAME",
	469: "VIOLATED_CONSTRAINT",
	675: "CANNOT_PARSE_IPV4",
	676: "CANNOT_PARSE_IPV6",
	691: "UNKNOWN_ELEMENT_OF_ENUM",
}

// isRowError reports whether some row of an insert is the cause of its failure.
func isRowError(err error) bool {
	var block *proto.BlockError
	_, known := rowCodes[codeOf(err)]
	return known || errors.As(err, &block)
}
