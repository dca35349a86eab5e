package web

import (
	"bytes"
	"fmt"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v2"
)

// thanksPages keeps the thanks page of each code, cut where the receipt goes. It
// is the same for everybody but for the receipt, and filling a template in was the
// costliest part of taking a rating.
type thanksPages struct {
	mu    sync.RWMutex
	pages map[thanksKey]thanksPage
}

type thanksKey struct {
	serial               uint32
	elder                bool
	window, hall, bureau string // a renamed place gets a new page
}

// thanksPage is the pieces of a page, and which group of the receipt goes after
// each; -1 is the whole receipt.
type thanksPage struct {
	pieces [][]byte
	groups []int
}

// Stand-ins for the receipt while its page is cut; no text of ours has them.
var receiptStandIn = [...]string{"%01%", "%02%", "%03%", "%04%"}

func (a *app) thanks(c *fiber.Ctx, v ThanksView, serial uint32) error {
	key := thanksKey{serial, v.Elder, v.Window, v.Hall, v.Bureau}
	a.thanked.mu.RLock()
	page, ok := a.thanked.pages[key]
	a.thanked.mu.RUnlock()
	if !ok {
		var err error
		if page, err = a.cutThanks(v); err != nil {
			return err
		}
		a.thanked.mu.Lock()
		a.thanked.pages[key] = page
		a.thanked.mu.Unlock()
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	c.Set(fiber.HeaderContentSecurityPolicy, a.pages.CSP())
	groups := strings.Split(v.Receipt, "-")
	out := c.Response().BodyWriter()
	for i, piece := range page.pieces {
		out.Write(piece)
		switch {
		case i >= len(page.groups):
		case page.groups[i] < 0:
			out.Write([]byte(v.Receipt))
		default:
			out.Write([]byte(groups[page.groups[i]]))
		}
	}
	return nil
}

// cutThanks renders the page with stand-ins and cuts it at them.
func (a *app) cutThanks(v ThanksView) (p thanksPage, err error) {
	v.Receipt = strings.Join(receiptStandIn[:], "-")
	var b bytes.Buffer
	if err := a.pages.Render(&b, "thanks", v); err != nil {
		return p, err
	}
	rest := b.Bytes()
	for {
		at, length, group := len(rest), 0, -1
		if i := bytes.Index(rest, []byte(v.Receipt)); i >= 0 {
			at, length = i, len(v.Receipt)
		}
		for g, mark := range receiptStandIn {
			if i := bytes.Index(rest, []byte(mark)); i >= 0 && i < at {
				at, length, group = i, len(mark), g
			}
		}
		p.pieces = append(p.pieces, rest[:at])
		if length == 0 {
			break
		}
		p.groups = append(p.groups, group)
		rest = rest[at+length:]
	}
	if len(p.groups) == 0 {
		return p, fmt.Errorf("the thanks page shows no receipt")
	}
	return p, nil
}
