module sekisho.example/fetch

go 1.19
