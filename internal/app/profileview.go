package app

import (
	"bufio"
	"encoding/json"
	"io"

	"github.com/lapwing-sec/lapwing/detect"
)

// writeProfiles writes every profile of an engine as NDJSON, by identity.
func writeProfiles(path string, e *detect.Engine) error {
	return writeFile("--profiles-out", path, nil, func(w io.Writer) error {
		b := bufio.NewWriterSize(w, 1<<16)
		enc := json.NewEncoder(b)
		enc.SetEscapeHTML(false)
		if err := e.Profiles(func(v *detect.ProfileView) error { return enc.Encode(v) }); err != nil {
			return err
		}
		return b.Flush()
	})
}
