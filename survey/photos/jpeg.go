package photos

import (
	"bytes"
	"encoding/binary"
	"image"
)

// orientation is how a phone was held, as EXIF writes it (CIPA DC-008, tag 0x0112):
// 1 to 8. Phones store what the sensor saw and leave it to the viewer to turn it.
type orientation uint16

const upright orientation = 1

// apply turns a picture to stand as it is meant to be seen.
func (o orientation) apply(from *image.RGBA) *image.RGBA {
	if o <= upright || o > 8 {
		return from
	}
	w, h := from.Rect.Dx(), from.Rect.Dy()
	size := image.Rect(0, 0, w, h)
	if o >= 5 {
		size = image.Rect(0, 0, h, w)
	}
	to := image.NewRGBA(size)
	for y := range size.Dy() {
		for x := range size.Dx() {
			fx, fy := x, y
			if o >= 5 {
				fx, fy = y, x
			}
			if o == 2 || o == 3 || o == 7 || o == 8 {
				fx = w - 1 - fx
			}
			if o == 3 || o == 4 || o == 6 || o == 7 {
				fy = h - 1 - fy
			}
			to.SetRGBA(x, y, from.RGBAAt(fx, fy))
		}
	}
	return to
}

// The markers of a JPEG that are looked at (ITU-T T.81, table B.1).
const (
	markEnd  = 0xd9 // EOI
	markScan = 0xda // SOS
	markApp1 = 0xe1 // where EXIF is
)

// look walks over a JPEG's segments, in the steps the decoder takes, and returns
// the orientation and how many scans there are.
func look(file []byte) (turn orientation, scans int) {
	turn = upright
	for at, found := 2, false; ; {
		ff := bytes.IndexByte(file[min(at, len(file)):], 0xff)
		if ff < 0 {
			return turn, scans
		}
		for at += ff; at < len(file) && file[at] == 0xff; {
			at++
		}
		if at+3 > len(file) {
			return turn, scans
		}
		mark := file[at]
		at++
		switch {
		case mark == 0 || mark >= 0xd0 && mark <= 0xd7: // picture data and its restarts
			continue
		case mark == markEnd:
			return turn, scans
		case mark == markScan:
			scans++
		}
		size := int(binary.BigEndian.Uint16(file[at:]))
		if size < 2 {
			return turn, scans
		}
		segment := file[at+2 : max(at+2, min(at+size, len(file)))]
		if exif, ok := bytes.CutPrefix(segment, []byte("Exif\x00\x00")); ok && mark == markApp1 && !found {
			turn, found = orientationOf(exif), true
		}
		at += size
	}
}

// orientationOf reads the one tag of EXIF that is of use, from the first directory
// of its TIFF structure. Whatever is not as it should be counts as upright.
func orientationOf(tiff []byte) orientation {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(tiff, []byte("II*\x00")):
		order = binary.LittleEndian
	case bytes.HasPrefix(tiff, []byte("MM\x00*")):
		order = binary.BigEndian
	default:
		return upright
	}
	if len(tiff) < 8 {
		return upright
	}
	at := uint64(order.Uint32(tiff[4:]))
	if at+2 > uint64(len(tiff)) {
		return upright
	}
	entries := tiff[at+2:]
	for range order.Uint16(tiff[at:]) {
		if len(entries) < 12 {
			break
		}
		const tag, short = 0x0112, 3
		if order.Uint16(entries) == tag {
			o := orientation(order.Uint16(entries[8:]))
			if order.Uint16(entries[2:]) != short || order.Uint32(entries[4:]) != 1 || o < 1 || o > 8 {
				break
			}
			return o
		}
		entries = entries[12:]
	}
	return upright
}
