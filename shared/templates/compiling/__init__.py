"""What Kakao's inspectors and the providers will say of a template, said before they are asked."""
