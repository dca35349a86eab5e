package qrcodes_test

import (
	"errors"
	"fmt"

	"manyi/qrcodes"
)

// A window gets a code once; every scan of it is then checked without the store.
func Example() {
	signer := qrcodes.NewSigner([]byte("32 random bytes from a safe place"))

	code := signer.Code(20260107)
	fmt.Println(qrcodes.Link("https://pj.example.gov.cn", code))

	serial, err := signer.Serial(code)
	fmt.Println(serial, err)

	_, err = signer.Serial("0000000000000000")
	fmt.Println(errors.Is(err, qrcodes.ErrCode))
	// Output:
	// HTTPS://PJ.EXAMPLE.GOV.CN/Q/04TJA2SZ1PN47G3V
	// 20260107 <nil>
	// true
}
