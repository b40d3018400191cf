package wire

// IsTraceparent reports whether s is a W3C trace context of version 00, such as
// 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.
func IsTraceparent(s string) bool {
	const form = "00-tttttttttttttttttttttttttttttttt-pppppppppppppppp-ff"
	if len(s) != len(form) {
		return false
	}
	for i := range len(s) {
		switch form[i] {
		case 't', 'p', 'f':
			if !isLowerHex(s[i]) {
				return false
			}
		default:
			if s[i] != form[i] {
				return false
			}
		}
	}
	return !allZero(s[3:35]) && !allZero(s[36:52])
}

func isLowerHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' }

func allZero(s string) bool {
	for i := range len(s) {
		if s[i] != '0' {
			return false
		}
	}
	return true
}
