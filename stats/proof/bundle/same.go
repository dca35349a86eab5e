package bundle

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// same compares what was computed with what is said, and names the first difference.
func same(computed, said any) error {
	a, err := json.Marshal(computed)
	if err != nil {
		return err
	}
	b, err := json.Marshal(said)
	if err != nil || bytes.Equal(a, b) {
		return err
	}
	var x, y any
	if err := errors.Join(json.Unmarshal(a, &x), json.Unmarshal(b, &y)); err != nil {
		return err
	}
	return cmp.Or(difference("", x, y), errors.New("it is not what the leaves come to"))
}

func difference(at string, computed, said any) error {
	x, isMap := computed.(map[string]any)
	if y, ok := said.(map[string]any); ok && isMap {
		names := slices.Concat(slices.Collect(maps.Keys(x)), slices.Collect(maps.Keys(y)))
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			if err := difference(strings.TrimPrefix(at+"."+name, "."), x[name], y[name]); err != nil {
				return err
			}
		}
		return nil
	}
	if list, ok := computed.([]any); ok {
		if others, ok := said.([]any); ok && len(list) == len(others) {
			for i := range list {
				if err := difference(fmt.Sprintf("%s.%d", at, i), list[i], others[i]); err != nil {
					return err
				}
			}
			return nil
		}
	}
	a, _ := json.Marshal(computed) // both came from JSON
	b, _ := json.Marshal(said)
	if bytes.Equal(a, b) {
		return nil
	}
	if at != "" {
		at = "at " + at + " "
	}
	return fmt.Errorf("%sit says %s, and the leaves come to %s", at, b, a)
}
